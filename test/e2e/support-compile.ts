/** What the tests of compiled files share. */
import { expect } from "bun:test";
import { join } from "node:path";
import { hutch } from "../support/hutch.ts";

let count = 0;

/** Compiles to a file of its own in a directory, without a word, and gives its path. */
export async function compiledIn(place: string, ...args: readonly string[]): Promise<string> {
  const file = join(place, `box-${count++}`);
  expect(await hutch(["compile", "-o", file, ...args])).toMatchObject({ stderr: "", code: 0 });
  return file;
}
