import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { HutchError } from "../../src/linux/error.ts";
import { parseSpecText } from "../../src/spec/parse.ts";
import { messageOf } from "./mutate.ts";

const samples = `${import.meta.dir}/../oci/samples/config`;

const names = (kind: string): string[] => readdirSync(`${samples}/${kind}`).sort();
const parse = (kind: string, name: string) =>
  parseSpecText(readFileSync(`${samples}/${kind}/${name}`, "utf8"));

/** Samples that are bad by a part of the specification that is not Linux's: hutch ignores that part. */
const IGNORED = {
  "freebsd-vnet-disable.json": "the freebsd object is not read",
};

/** What is wrong with the bad ones. */
const FAULTS = {
  "invalid-json.json": 'config.json: line 1, column 2: expected a key in double quotes or "}", received "]"',
  "linux-hugepage.json":
    'config.json: linux.resources.hugepageLimits[0].pageSize: expected a page size such as 2MB, received "64kB"',
  "linux-netdevice.json": "config.json: linux.netDevices.eth0.name: expected a string, received 23",
  "linux-rdma.json": `config.json: linux.resources.rdma.mlx5_1.hcaHandles: expected an integer from 0 to 4294967295, received "not a uint32"`,
};

/** Good samples of another platform that no Linux host could run as they are. */
const FOREIGN = {
  "freebsd-example.json": "its host name and mounts are of a FreeBSD jail, without Linux namespaces",
  "zos-example.json": "its host name and mounts are of z/OS namespaces, without Linux namespaces",
};

describe("good samples of the specification", () => {
  for (const name of names("good")) {
    const foreign = Object.entries(FOREIGN).find(([file]) => file === name)?.[1];
    test.skipIf(foreign !== undefined)(
      `${name} is accepted${foreign ? ` (not Linux: ${foreign})` : ""}`,
      () => {
        expect(parse("good", name).root).toBeDefined();
      },
    );
  }
});

describe("bad samples of the specification", () => {
  for (const name of names("bad")) {
    const ignored = Object.entries(IGNORED).find(([file]) => file === name)?.[1];
    test.skipIf(ignored !== undefined)(
      `${name} is refused${ignored ? ` (not Linux: ${ignored})` : ""}`,
      () => {
        expect(Object.keys(FAULTS)).toContain(name);
        const fault = Object.entries(FAULTS).find(([file]) => file === name)?.[1];
        expect(messageOf(() => parse("bad", name))).toBe(fault ?? "");
        expect(() => parse("bad", name)).toThrow(HutchError);
      },
    );
  }
});

test("the sample with everything keeps its integers exactly", () => {
  const { linux } = parse("good", "spec-example.json");
  expect(linux?.resources?.hugepageLimits?.[0]?.limit).toBe(9223372036854772000n);
  expect(linux?.resources?.memory?.limit).toBe(536870912);
  expect(linux?.timeOffsets?.boottime?.secs).toBe(604800);
});
