import { chmodSync, chownSync } from "node:fs";
import { temporaryDirectory } from "./temporary.ts";

export interface OrdinaryUser {
  readonly uid: number;
  readonly env: { readonly HOME: string; readonly XDG_RUNTIME_DIR: string; readonly USER: string };
}

/** A number that no account of a Debian system has; /etc/passwd does not know it. */
const UNKNOWN_UID = 20_001;

/**
 * A user without privileges, with directories of its own: to be spread into the options of `hutch`. For root
 * an unknown uid; for anyone else the caller itself.
 */
export function ordinaryUser(): OrdinaryUser {
  const own = process.getuid?.() ?? 0;
  const uid = own === 0 ? UNKNOWN_UID : own;
  const directory = (name: string): string => {
    const path = temporaryDirectory(name);
    if (own === 0) chownSync(path, uid, uid);
    chmodSync(path, 0o700);
    return path;
  };
  return {
    uid,
    env: { HOME: directory("home"), XDG_RUNTIME_DIR: directory("runtime"), USER: `user${uid}` },
  };
}
