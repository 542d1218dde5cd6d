/**
 * tmpcopyup: a tmpfs that starts with what lies below it.
 *
 * Nothing is copied: an overlay on the tmpfs shows the covered directory until it is written to. That costs
 * no memory for what is only read; /proc/self/mountinfo then says overlay where runc would say tmpfs.
 */
import { O_CLOEXEC, O_PATH } from "../linux/fcntl.ts";
import { call, slot } from "./build.ts";
import { type Context, withoutMknod } from "./context.ts";
import { makeFileSystem } from "./filesystem.ts";
import type { Slot, Step } from "./step.ts";
import { moveOnto } from "./target.ts";

/** Fixed descriptor numbers give the layers names that are known now: /proc/self/fd/N. */
const LAYERS = { lower: 240, upper: 241, work: 242 } as const;

const path = (layer: keyof typeof LAYERS): string => `/proc/self/fd/${LAYERS[layer]}`;

/** Lays the overlay over the tmpfs `mount`, which has just been moved onto `target`. */
export function copyUp(
  context: Context,
  why: string,
  { mount, target }: { readonly mount: Slot; readonly target: Slot },
): Step[] {
  const directory = slot("layer directory");
  const merged = slot("merged");
  const open = (name: "upper" | "work"): Step[] => [
    call(why, "mkdirat", [mount, name, 0o755]),
    call(why, "openat", [mount, name, O_PATH | O_CLOEXEC, 0], { into: directory }),
    call(why, "dup3", [directory, LAYERS[name], O_CLOEXEC]),
    call(why, "close", [directory]),
  ];
  return [
    call(why, "dup3", [target, LAYERS.lower, O_CLOEXEC]),
    ...open("upper"),
    ...open("work"),
    ...makeFileSystem(why, {
      type: "overlay",
      source: "tmpcopyup",
      data: [
        `lowerdir=${path("lower")}`,
        `upperdir=${path("upper")}`,
        `workdir=${path("work")}`,
        ...(withoutMknod(context) ? ["userxattr"] : []),
      ],
      attributes: 0,
      into: merged,
    }),
    moveOnto(why, merged, mount),
    ...Object.values(LAYERS).map((descriptor) => call(why, "close", [descriptor])),
  ];
}
