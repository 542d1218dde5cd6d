/** The id maps of a file that anybody may start: the one id that they map is found when it runs. */
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from "../linux/fcntl.ts";
import { buffer, call, compute, set, slot, store } from "./build.ts";
import type { Call, Step } from "./step.ts";

const FILE = slot("map");
/** "CONTAINER OWN 1": two numbers of 32 bits, and what is between and behind them. */
const TEXT = buffer("map text", 64);
const [END, LENGTH] = [slot("map end"), slot("own id length")];
const SPACE = 0x20;
/** " 1\n" and the NUL. */
const COUNT = 0x000a3120;
const COUNT_LENGTH = 3;

/** The effective user of whoever has started the program. */
export const OWN_UID = slot("own uid");
const OWN_GID = slot("own gid");

/** In the launcher: in a new user namespace a process has no ids before its maps are written. */
export const askOwnIds = (): Step[] => [
  call("ask who starts this program", "geteuid", [], { into: OWN_UID }),
  call("ask who starts this program", "getegid", [], { into: OWN_GID }),
];

/** Maps one id of the container, `inside`, to the caller's own. */
export function writeOwnMap(kind: "uid" | "gid", inside: number, hints: Call["hints"]): Step[] {
  const why = `map the ${kind === "uid" ? "user" : "group"} ids`;
  const special = hints === undefined ? {} : { hints };
  return [
    { kind: "decimal", to: TEXT, value: inside, length: LENGTH },
    set(END, TEXT),
    compute(END, END, "add", LENGTH),
    store(END, 0, 1, SPACE),
    compute(END, END, "add", 1),
    { kind: "decimal", to: END, value: kind === "uid" ? OWN_UID : OWN_GID, length: LENGTH },
    compute(END, END, "add", LENGTH),
    store(END, 0, 4, COUNT),
    set(LENGTH, TEXT),
    compute(LENGTH, END, "sub", LENGTH),
    compute(LENGTH, LENGTH, "add", COUNT_LENGTH),
    call(why, "openat", [AT_FDCWD, `/proc/self/${kind}_map`, O_WRONLY | O_CLOEXEC, 0], {
      into: FILE,
      ...special,
    }),
    call(why, "write", [FILE, TEXT, LENGTH], special),
    call(why, "close", [FILE]),
  ];
}
