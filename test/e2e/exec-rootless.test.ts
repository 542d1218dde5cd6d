/** hutch exec by an ordinary user, in a container of its own. */
import { expect } from "bun:test";
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootlessSpec } from "../../src/spec/default.ts";
import { HUTCH, hutch, lacksHutch, run } from "../support/hutch.ts";
import { eventually } from "../support/patience.ts";
import { lacksBusybox, rootfs } from "../support/rootfs.ts";
import { anyReason, lacksProgram, lacksUserNamespaces, testUnless } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ordinaryUser } from "../support/user.ts";
import { freshId, output, processOf } from "./support-inside.ts";

const asUser = testUnless(
  anyReason(lacksBusybox(), lacksHutch(), lacksUserNamespaces(), lacksProgram("setpriv")),
);

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
  expect(await eventually(isCreated)).toBe(true);
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
    // setgroups is denied there, also for the root of the machine, whose groups must not come along.
    const asRoot = ["--root", join(user.env.XDG_RUNTIME_DIR, "hutch"), "exec"];
    const tells = [...asRoot, id, "grep", "-E", "^(Uid|Gid|Groups)", "/proc/self/status"];
    const groups = await run(["setpriv", "--groups", "4,5", HUTCH, ...tells]);
    expect(output(groups).replace(/\s+/g, " ")).toBe("Uid: 0 0 0 0 Gid: 0 0 0 0 Groups: ");
    const own = await hutch([...asRoot, id, "sh", "-c", "touch /tmp/x || touch /dev/shm/x; id -u"]);
    expect(output(own)).toBe("0\n");
    const more = await hutch([...asRoot, "--additional-gids", "5", id, "true"]);
    expect(more.code).not.toBe(0);
    expect(more.stderr).toContain("join the groups 5");
  } finally {
    await call("delete", "--force", id);
  }
});
