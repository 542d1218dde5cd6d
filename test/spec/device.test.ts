import { describe, expect, test } from "bun:test";
import { type Device, deviceRules } from "../../src/spec/device.ts";
import { problemsOf } from "./problem.ts";

const problems = (device: Partial<Device>): string[] =>
  problemsOf(deviceRules, {
    linux: { devices: [{ type: "c", path: "/dev/x", major: 1, minor: 3, ...device }] },
  });

test("the largest device number is taken, and not one more", () => {
  expect(problems({ major: 4095, minor: 1048575 })).toEqual([]);
  expect(problems({ major: 4096, minor: 1048576 })).toEqual([
    "linux.devices[0].major: expected an integer from 0 to 4095, received 4096",
    "linux.devices[0].minor: expected an integer from 0 to 1048575, received 1048576",
  ]);
});

describe("a device has a number, and a FIFO needs none", () => {
  for (const type of ["c", "b", "u"] as const) {
    test(type, () => {
      const [, ...more] = problemsOf(deviceRules, { linux: { devices: [{ type, path: "/dev/x" }] } });
      expect(more).toEqual([
        "linux.devices[0].minor: expected an integer from 0 to 1048575, received nothing",
      ]);
    });
  }
  test("p", () => {
    expect(problemsOf(deviceRules, { linux: { devices: [{ type: "p", path: "/dev/x" }] } })).toEqual([]);
  });
});

test("an owner that chown takes for no change is refused, also for a FIFO", () => {
  expect(problems({ type: "p", uid: 4294967295, gid: 4294967295 })).toEqual([
    "linux.devices[0].uid: expected an id below 4294967295, received 4294967295",
    "linux.devices[0].gid: expected an id below 4294967295, received 4294967295",
  ]);
  expect(problems({ uid: 4294967294, gid: 0 })).toEqual([]);
});

test("a device is not made above the root", () => {
  expect(problems({ path: "/dev/../../x" })).toEqual([
    'linux.devices[0].path: expected a path without .. components, received "/dev/../../x"',
  ]);
});
