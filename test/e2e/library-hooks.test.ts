/** Hooks of a bundle that the library starts. */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { container, HutchError } from "../../src/index.ts";
import { HOOK_NAMES } from "../../src/spec/hooks.ts";
import type { Hooks } from "../../src/spec/spec.ts";
import { errorOf, isAlive } from "../library/support.ts";
import { eventually } from "../support/patience.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { asRoot, cgroupsNamed, limited, place, read } from "./support-lifecycle.ts";

type Texts = Partial<Record<(typeof HOOK_NAMES)[number], string>>;

/** A container whose hooks run these scripts; LOG in them is a file that all of them write to. */
async function hooked(script: string, texts: Texts) {
  const log = join(temporaryDirectory("hooks"), "log");
  writeFileSync(log, "");
  const hooks: Hooks = {};
  for (const name of HOOK_NAMES) {
    const text = texts[name];
    if (text === undefined) continue;
    hooks[name] = [{ path: "/bin/sh", args: ["sh", "-c", text.replaceAll("LOG", log)] }];
  }
  const { bundle } = await place(script, (spec) => limited({ ...spec, hooks }));
  return { box: container({ bundle }), bundle, lines: () => read(log).split("\n").filter(Boolean) };
}

const TELLS = (name: string): string =>
  `echo "${name} $(pwd) $(sed 's/.*"status":"\\([a-z]*\\)".*"id":"\\([^"]*\\)","pid":\\([0-9]*\\).*/\\1 \\2 \\3/')" >> LOG`;

const left = (id: string): string[] => cgroupsNamed((name) => name === `hutch-${id}`);

asRoot("all run in their order, before start is done and before exited is", async () => {
  const texts = Object.fromEntries(
    HOOK_NAMES.filter((name) => name !== "startContainer").map((name) => [name, TELLS(name)]),
  );
  const { box, bundle, lines } = await hooked("sleep 0.2; exit 7", {
    ...texts,
    startContainer: "echo from inside",
  });
  for (const id of ["hooks-one", "hooks-two"]) {
    const before = lines().length;
    const running = await box.start({ id, stdout: "pipe" });
    const { root } = box.spec;
    expect(lines().slice(before)).toEqual([
      `prestart ${bundle} creating ${id} ${running.pid}`,
      `createRuntime ${bundle} creating ${id} ${running.pid}`,
      `createContainer ${root?.path} creating ${id} ${running.pid}`,
      `poststart ${bundle} running ${id} ${running.pid}`,
    ]);
    expect(await running.stdout.text()).toBe("from inside\n");
    expect(await running.exited).toMatchObject({ code: 7, warnings: [] });
    expect(lines().at(-1)).toBe(`poststop ${bundle} stopped ${id} 0`);
    expect(left(id)).toEqual([]);
  }
});

for (const failing of ["prestart", "createRuntime", "createContainer", "startContainer"] as const) {
  asRoot(`a ${failing} hook that fails rejects the start, with what it wrote`, async () => {
    const { box, lines } = await hooked("true", {
      [failing]: "echo so broken >&2; exit 3",
      poststop: "echo poststop >> LOG",
    });
    const error = await errorOf(box.start({ id: "hooks-fail", stderr: "pipe" }));
    expect(error).toBeInstanceOf(HutchError);
    expect(String(error)).toContain(`run the ${failing} hook /bin/sh: it failed or took too long: so broken`);
    expect(lines()).toEqual(["poststop"]);
    expect(left("hooks-fail")).toEqual([]);
  });
}

asRoot("poststart and poststop hooks that fail are warnings, and the container runs", async () => {
  const { box } = await hooked("sleep 0.2; exit 4", { poststart: "exit 3", poststop: "exit 2" });
  const running = await box.start();
  const { code, warnings } = await running.exited;
  expect({ code, warnings }).toEqual({
    code: 4,
    warnings: ["poststart", "poststop"].map(
      (name) => `run the ${name} hook /bin/sh: it failed or took too long`,
    ),
  });
});

asRoot("a program that cannot begin rejects the start, and poststart does not run", async () => {
  const { box, lines } = await hooked("", {
    startContainer: "rm /bin/sh",
    poststart: "echo poststart >> LOG",
  });
  const root = box.spec.root?.path ?? "";
  const shell = join(root, "bin/sh");
  const before = readFileSync(shell);
  try {
    expect(String(await errorOf(box.start()))).toContain("ENOENT");
    expect(lines()).toEqual([]);
  } finally {
    writeFileSync(shell, before, { mode: 0o755 });
  }
});

for (const kind of ["prestart", "startContainer", "poststart"] as const) {
  asRoot(`a ${kind} hook that hangs ends when the start is aborted`, async () => {
    const mark = join(temporaryDirectory("mark"), "pid");
    const text = kind === "startContainer" ? "exec sleep 65" : `echo $$ > ${mark}; exec sleep 65`;
    const { box } = await hooked("sleep 66", { [kind]: text });
    const controller = new AbortController();
    const starting = errorOf(box.start({ id: "hooks-abort", signal: controller.signal }));
    if (kind === "startContainer") await Bun.sleep(300);
    else expect(await eventually(() => read(mark).endsWith("\n"))).toBe(true);
    const began = performance.now();
    controller.abort(new Error("enough"));
    expect(await starting).toEqual(new Error("enough"));
    expect(performance.now() - began).toBeLessThan(15_000);
    if (kind !== "startContainer") expect(isAlive(Number(read(mark)))).toBe(false);
    expect(left("hooks-abort")).toEqual([]);
  });
}
