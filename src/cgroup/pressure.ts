/** Pressure stall information: the share of time that was lost by waiting (Documentation/accounting/psi). */
import type { Json } from "./json.ts";

/** "some avg10=0.12 avg60=0.00 avg300=0.00 total=3456", in percent and microseconds. */
function line(text: string, kind: "some" | "full"): Json {
  const words = new RegExp(`^${kind} (.*)$`, "m").exec(text)?.[1] ?? "";
  const value = (name: string): string | undefined => new RegExp(`\\b${name}=([\\d.]+)`).exec(words)?.[1];
  return {
    avg10: Number(value("avg10") ?? 0),
    avg60: Number(value("avg60") ?? 0),
    avg300: Number(value("avg300") ?? 0),
    total: BigInt(value("total") ?? 0),
  };
}

/** A .pressure file of a cgroup of version 2; undefined where the kernel has none, or counts none (psi=0). */
export const pressure = (text: string | undefined): Json | undefined =>
  text === undefined ? undefined : { some: line(text, "some"), full: line(text, "full") };
