import { expect } from "bun:test";
import { lacksBusybox } from "../support/rootfs.ts";
import { testUnless } from "../support/skip.ts";
import { cpio } from "../support/vm/cpio.ts";

testUnless(lacksBusybox())("an archive is what cpio takes for one", () => {
  const data = new TextEncoder().encode("hello\n");
  const archive = new Blob(
    cpio([
      { kind: "directory", path: "/a", mode: 0o755 },
      { kind: "file", path: "/a/b", mode: 0o640, data },
      { kind: "link", path: "/a/c", target: "b" },
      { kind: "device", path: "/null", mode: 0o666, major: 1, minor: 3 },
    ]),
  );
  expect(archive.size % 4).toBe(0);
  const list = Bun.spawnSync(["busybox", "cpio", "-tv"], { stdin: archive, stderr: "pipe" });
  const lines = list.stdout.toString().trimEnd().split("\n");
  const short = lines.map((line) => line.replace(/ +0 (Jan|Thu).*1970|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, ""));
  expect(short).toMatchInlineSnapshot(`
    [
      "drwxr-xr-x 0/0         0  a",
      "-rw-r----- 0/0         6  a/b",
      "lrwxrwxrwx 0/0         0  a/c -> b",
      "crw-rw-rw- 0/0         0  null",
    ]
  `);
});
