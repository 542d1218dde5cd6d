/** hutch run: an OCI bundle in the foreground. */
import { launch, MOST_PRESERVED } from "../container/launch.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { parseWhole } from "./number.ts";
import { type Command, has, last, readOptions, usageError } from "./option.ts";
import { warn } from "./output.ts";

export const command: Command = {
  name: "run",
  summary: "run an OCI bundle in the foreground, as runc and crun do",
  usage: "[OPTIONS] ID",
  options: [
    { name: "bundle", short: "b", value: "DIR", help: "the bundle; the current directory when absent" },
    { name: "init", help: "a reaper is pid 1, and the process of the bundle its child" },
    { name: "preserve-fds", value: "N", help: "hand N descriptors after standard error on to the container" },
  ],
  stopsAtWord: false,
  examples: [
    ["hutch spec && hutch run box", "in a directory with a root in ./rootfs"],
    ["hutch run --bundle /srv/box box", "a bundle somewhere else"],
  ],
  notes: [EXIT_CODES],
};

/** What an id may be: with "hutch-" before it, it becomes the name of a directory (NAME_MAX is 255). */
const ID = /^(?!\.{1,2}$)[\w+.-]{1,240}$/;

/** Becomes the container's launcher. */
export function run(argv: readonly string[]): Promise<never> {
  const given = readOptions(command, argv);
  const [id, ...more] = given.words;
  if (id === undefined) throw usageError("run", "expected the container's ID");
  if (more.length > 0) throw usageError("run", `expected one ID, received ${given.words.join(" ")}`);
  if (!ID.test(id)) throw usageError("run", `ID ${id}: expected at most 240 letters, digits and _ + - .`);
  const bundle = last(given, "bundle") ?? ".";
  const init = has(given, "init");
  const preserveFds = parseWhole("preserve-fds", last(given, "preserve-fds") ?? "0");
  if (preserveFds > MOST_PRESERVED) {
    throw usageError("run", `--preserve-fds ${preserveFds}: expected at most ${MOST_PRESERVED}`);
  }
  return launch({
    words: ["run", bundle, `${init}`, `${preserveFds}`],
    id,
    environment: [],
    preserveFds,
    warn,
    plan: async (look, warnUser, ownId) => {
      const { planBundle } = await import("./bundle-plan.ts");
      return planBundle({ bundle, id: ownId, init, preserveFds }, look, warnUser);
    },
  });
}
