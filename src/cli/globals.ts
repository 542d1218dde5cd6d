/** The options that stand before every command. */
export interface Globals {
  /** Where the state of containers is kept. */
  readonly root: string;
}
