/** hutch exec by an ordinary user, in a container of its own. */
import { expect } from "bun:test";
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootlessSpec } from "../../src/spec/default.ts";
import { hutch, lacksHutch } from "../support/hutch.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksUserNamespaces, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";
import { freshId, output, processOf } from "./support-inside.ts";

const asUser = testUnless(anyReason(lacksBusybox(), lacksHutch(), lacksUserNamespaces()));

asUser("an ordinary user executes commands in a container of its own", async () => {
  const user = ordinaryUser();
  const call = (...args: readonly string[]) => hutch(args, { uid: user.uid, env: user.env });
  const bundle = temporaryDirectory("bundle");
  const root = await rootfs();
  const spec = rootlessSpec(user.uid, user.uid);
  // Its streams are closed, because this test reads them to their end.
  const script = "exec sleep 1000 <&- >&- 2>&-";
  const process = { ...processOf(spec), terminal: false, args: ["sh", "-c", script] };
  const config = { ...spec, root: { path: root, readonly: false }, process };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  for (const name of [".", "dev", "proc", "sys"]) chownSync(join(root, name), user.uid, user.uid);
  const id = freshId();
  const created = call("create", "--bundle", bundle, id);
  // Until it is started, the container holds the streams that create was given.
  const isCreated = async () => /"status": *"created"/.test((await call("state", id)).stdout);
  for (let tries = 0; tries < 500 && !(await isCreated()); tries += 1) await Bun.sleep(10);
  output(await call("start", id));
  expect((await created).code).toBe(0);
  try {
    expect(output(await call("exec", id, "sh", "-c", "id -u; cat /proc/self/uid_map")).split(/\s+/)).toEqual([
      "0",
      "0",
      String(user.uid),
      "1",
      "",
    ]);
    expect(output(await call("exec", "-t", id, "tty"))).toMatch(/^\/dev\/pts\/\d+\r\n$/);
    expect((await call("exec", "--detach", id, "nosuch")).code).toBe(127);
    expect((await call("exec", id, "sh", "-c", "exit 3")).code).toBe(3);
  } finally {
    await call("delete", "--force", id);
  }
});
