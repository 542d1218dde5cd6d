/** What is written down of a container, before it has an id: it is kept together with the program. */
import type { NamespaceType } from "../linux/namespace.ts";
import type { DeviceRule } from "../spec/resources.ts";
import type { Hooks } from "../spec/spec.ts";
import type { Record } from "./store.ts";
import type { UnitDraft } from "./unit.ts";

export interface Draft {
  readonly ociVersion: string;
  readonly bundle: string;
  /** The text of config.json. */
  readonly config?: string;
  readonly rootfs: string;
  readonly owner: number;
  readonly namespaces: readonly NamespaceType[];
  readonly annotations: Readonly<{ [key: string]: string }>;
  /** NAMELESS stands for the id. */
  readonly cgroups: readonly string[];
  /** See Record. */
  readonly deviceRules?: string;
  /** See Record. */
  readonly checksMemory?: boolean;
  readonly hooks: Hooks | undefined;
  /** True when the process has a terminal. */
  readonly terminal: boolean;
  /** True for the program of a container in the foreground that hutch stays beside (see beside.ts). */
  readonly stays?: boolean;
  /** What systemd is to make. */
  readonly unit?: UnitDraft;
}

/** Cannot occur in a path. */
export const NAMELESS = "\0";

/** A digest of linux.resources.devices. */
export const digestOfRules = (devices: readonly DeviceRule[]): string =>
  new Bun.CryptoHasher("sha256").update(JSON.stringify(devices)).digest("base64");

/** Written by hutch, into a directory of the caller's own: its form is taken as it is. */
export function readDraft(text: string): Draft {
  const draft: Draft = JSON.parse(text);
  return draft;
}

/** The first record: written before anything is made, with all that will be. */
export function recordOf(
  { terminal: _, stays: __, hooks, cgroups, unit, ...draft }: Draft,
  id: string,
): Record {
  const { poststart, poststop } = hooks ?? {};
  return {
    ...draft,
    id,
    created: new Date().toISOString(),
    cgroups: cgroups.map((path) => path.replace(NAMELESS, id)),
    hooks: {
      ...(poststart === undefined ? {} : { poststart }),
      ...(poststop === undefined ? {} : { poststop }),
    },
    ...(unit === undefined ? {} : { unit: { name: unit.name, isUser: unit.isUser } }),
    init: undefined,
    isCreated: false,
  };
}
