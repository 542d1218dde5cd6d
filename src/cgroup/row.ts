/** The rows of the table of limits (table.ts): what each version makes of a field of linux.resources. */
import type { Resources } from "../spec/resources.ts";
import type { Setting } from "./setting.ts";

/** A setting but for its controller, which its row knows. */
export type Draft = Omit<Setting, "controller">;

export type Conversion =
  | { readonly write: (resources: Resources) => readonly Draft[] }
  /** There is nothing to write, for a reason, and the field has no effect. */
  | { readonly ignore: string }
  /** Asked for, it is an error, for a reason; `when` says what asks. */
  | { readonly refuse: string; readonly when: (resources: Resources) => boolean };

export interface Row {
  /** Below linux.resources. */
  readonly field: string;
  /** The one whose files are written; on version 2 the controller is called `io`, not `blkio`. */
  readonly controller: string;
  readonly v1: Conversion;
  readonly v2: Conversion;
}

export type Text = (resources: Resources) => string | undefined;
type More = (text: string, resources: Resources) => Pick<Draft, "otherwise" | "isDefault">;

/** One file with one text, if there is one. */
export const file = (name: string, textOf: Text, more?: More): Conversion => ({
  write: (resources) => {
    const text = textOf(resources);
    return text === undefined ? [] : [{ file: name, text, ...more?.(text, resources) }];
  },
});

export const flag = (value: boolean | undefined): string | undefined =>
  value === undefined ? undefined : value ? "1" : "0";

export const whole = (value: number | bigint | undefined): string | undefined =>
  value === undefined ? undefined : `${value}`;

/** What a new cgroup has. */
export const zeroIsDefault: More = (text) => (text === "0" ? { isDefault: true } : {});

export const noneIsDefault: More = (text) => (text === "-1" ? { isDefault: true } : {});

/**
 * To lift a limit that the kernel does not know takes nothing; nor does it to forbid swap that it does not
 * count.
 */
export const unlessAsked =
  (...texts: readonly string[]): More =>
  (text) =>
    texts.includes(text) ? { otherwise: "nothing" } : {};

/** What is the same on both versions. */
export const same = (conversion: Conversion): Pick<Row, "v1" | "v2"> => ({ v1: conversion, v2: conversion });
