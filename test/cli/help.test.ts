/** The help texts, word for word. */
import { expect, test } from "bun:test";
import { commandHelp, overview } from "../../src/cli/help.ts";
import { loadAll } from "../../src/cli/main.ts";
import type { Command } from "../../src/cli/option.ts";
import { describe as describeError } from "../../src/cli/report.ts";
import { HutchError } from "../../src/linux/error.ts";

/** Every command, in the order of the overview. */
const COMMANDS: readonly Command[] = (await loadAll()).map(({ command }) => command);

for (const command of COMMANDS) {
  test(`of hutch ${command.name}`, async () => {
    expect(await commandHelp(command)).toMatchSnapshot();
  });

  test(`of hutch ${command.name} names every option with its value`, async () => {
    const text = await commandHelp(command);
    for (const { name, short, value, optional } of command.options) {
      const given = value === undefined ? "" : `=<${value}>`;
      expect(text).toContain(`--${name}${optional ? `[${given}]` : given}`);
      if (short !== undefined) expect(text).toMatch(new RegExp(`-${short}[, ]`));
    }
  });
}

test("of hutch itself", async () => {
  expect(await overview(COMMANDS)).toMatchSnapshot();
});

test("no option is there twice, by long or by short name", () => {
  for (const { name, options } of COMMANDS) {
    const names = options.flatMap((option) => [
      option.name,
      ...(option.short === undefined ? [] : [option.short]),
    ]);
    expect({ name, names: names.length }).toEqual({ name, names: new Set(names).size });
  }
});

test("an error of hutch's own is its message, any other a defect told in full", () => {
  expect(describeError(new HutchError({ operation: "open /x", errno: "ENOENT", hint: "make it" }))).toBe(
    "open /x: ENOENT (no such file or directory); hint: make it",
  );
  expect(describeError(new TypeError("odd"))).toMatch(
    /^this is a defect of hutch, please report it: TypeError: odd\n/,
  );
});
