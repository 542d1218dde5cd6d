import { expect, test } from "bun:test";
import { openSystemd, placesOf } from "../../src/dbus/systemd.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const place = (path: string, isBus: boolean) => ({ path, isAbstract: false, isBus });

test("the system's manager is asked directly, or over the system's bus", () => {
  expect(placesOf(false, {})).toEqual([
    place("/run/systemd/private", false),
    place("/run/dbus/system_bus_socket", true),
  ]);
  expect(placesOf(false, { DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/a" })[1]).toEqual(place("/a", true));
});

test("the user's manager is asked directly, over the bus of the session, or over that of the user", () => {
  const env = { XDG_RUNTIME_DIR: "/run/user/7", DBUS_SESSION_BUS_ADDRESS: "unix:path=/s;unix:abstract=b" };
  expect(placesOf(true, env)).toEqual([
    place("/run/user/7/systemd/private", false),
    place("/s", true),
    { path: "b", isAbstract: true, isBus: true },
    place("/run/user/7/bus", true),
  ]);
  expect(placesOf(true, {})).toEqual([]);
});

test("a user without a manager is told what is missing", () => {
  const runtime = temporaryDirectory("systemd");
  expect(() => openSystemd(true, { XDG_RUNTIME_DIR: runtime })).toThrow(
    `reach systemd of the user: connect to ${runtime}/systemd/private: ENOENT (no such file or directory); hint: is there a user manager (loginctl enable-linger USER)`,
  );
  expect(() => openSystemd(true, {})).toThrow("reach systemd of the user: XDG_RUNTIME_DIR is not set; hint:");
});
