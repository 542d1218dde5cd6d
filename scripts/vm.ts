/**
 * `npm run vm -- [OPTIONS] [SCRIPT]`: a shell script, or a shell, in the virtual machine of the tests, with
 * dist/hutch as it is. Ends with the script's exit code.
 */
import { parseArgs } from "node:util";
import { lacksMachine, runInMachine } from "../test/support/vm/machine.ts";
import { installKernel } from "./kernel.ts";
import { installPackages } from "./packages.ts";

const USAGE = `usage: npm run vm -- [OPTIONS] [SCRIPT | -c COMMAND]
  --cgroups KIND    v1, hybrid, v2 (without the option) or none
  --file TO=FROM    a file or directory of this machine, under another path there; may be repeated
  --modules NAMES   modules of the kernel to load, with commas: overlay,veth
  --memory MIB      1024
  --append WORDS    for the command line of the kernel
  --timeout S       600; then the machine is switched off
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    c: { type: "string", short: "c" },
    cgroups: { type: "string" },
    file: { type: "string", multiple: true },
    modules: { type: "string" },
    memory: { type: "string" },
    append: { type: "string" },
    timeout: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});

const KINDS = ["v1", "hybrid", "v2", "none"] as const;

function filesOf(words: readonly string[]): Record<string, { from: string }> {
  return Object.fromEntries(
    words.map((word) => {
      const [to = "", from = to] = word.split("=");
      return [to, { from }];
    }),
  );
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const missing = [...installPackages(["busybox-static", "qemu-system-x86"]), ...installKernel()];
  const reason = lacksMachine();
  if (reason !== undefined) throw new Error([...missing, reason].join("\n"));
  const file = positionals[0];
  const script = values.c ?? (file === undefined ? undefined : await Bun.file(file).text());
  const cgroups = KINDS.find((kind) => kind === values.cgroups);
  if (values.cgroups !== undefined && cgroups === undefined) throw new Error(USAGE);
  const { code } = await runInMachine({
    ...(script === undefined ? {} : { script: `${script}\n` }),
    ...(cgroups === undefined ? {} : { cgroups }),
    ...(values.append === undefined ? {} : { append: values.append }),
    files: filesOf(values.file ?? []),
    modules: values.modules?.split(",") ?? [],
    memory: Number(values.memory ?? 1024),
    timeout: Number(values.timeout ?? 600),
    onOutput: (text) => process.stdout.write(text),
  });
  return code;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
