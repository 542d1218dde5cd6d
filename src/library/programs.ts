/** The programs of one description: of containers that end with this process, and of those that do not. */
import { type Program, releaseProgram } from "./program.ts";

/** Makes a program for a container of this id. */
type Make = (detached: boolean, id: string) => Promise<Program>;

export interface Programs {
  /**
   * Uses a program for a container of this id. Its descriptor stays open as long: a start that waits for its
   * turn would else execute what has the number by then.
   */
  readonly use: <Result>(
    detached: boolean,
    id: string,
    spawn: (program: Program) => Promise<Result>,
  ) => Promise<Result>;
  /** Lets go of the programs, as soon as nobody uses them. */
  readonly release: () => void;
}

export function keepPrograms(make: Make): Programs {
  const kept = new Map<boolean, Promise<Program>>();
  let left: Promise<Program>[] = [];
  let users = 0;

  /** One that is not lasting is for the caller to release. */
  async function take(detached: boolean, id: string): Promise<Program> {
    const known = kept.get(detached);
    if (known !== undefined) {
      const found = await known;
      return found.isLasting ? found : make(detached, id);
    }
    // Kept before it is awaited: who comes meanwhile takes the same.
    const making = make(detached, id);
    kept.set(detached, making);
    const forget = (): void => {
      if (kept.get(detached) === making) kept.delete(detached);
    };
    try {
      const made = await making;
      if (!made.isLasting) forget();
      return made;
    } catch (error) {
      // What was wrong with the machine may be mended before the next start.
      forget();
      throw error;
    }
  }

  const releaseLasting = (program: Program): void => {
    if (program.isLasting) releaseProgram(program);
  };
  function releaseLeft(): void {
    if (users > 0) return;
    for (const program of left) void program.then(releaseLasting, () => {});
    left = [];
  }
  function release(): void {
    left.push(...kept.values());
    kept.clear();
    releaseLeft();
  }

  const use: Programs["use"] = async (detached, id, spawn) => {
    users += 1;
    try {
      const program = await take(detached, id);
      try {
        return await spawn(program);
      } finally {
        if (!program.isLasting) releaseProgram(program);
      }
    } finally {
      users -= 1;
      releaseLeft();
    }
  };
  return { use, release };
}
