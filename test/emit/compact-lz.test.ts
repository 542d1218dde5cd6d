import { expect, test } from "bun:test";
import { pack, unpack } from "../../src/emit/compact-lz.ts";
import { randomNumbers } from "./random-plan.ts";

test("what is packed is unpacked as it was", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = randomNumbers(seed);
    const kinds = 1 + random(255);
    const bytes = new Uint8Array(random(3000));
    for (let at = 0; at < bytes.length; at++) {
      // Runs, repetitions and noise.
      bytes[at] = random(3) === 0 ? random(kinds) : (bytes[at - 1 - random(700)] ?? 0);
    }
    expect(unpack(pack(bytes))).toEqual(bytes);
  }
});

test("lengths and distances at the ends of their ranges", () => {
  for (const distance of [1, 2, 255, 256, 257, 300, 20_000]) {
    for (const length of [1, 2, 3, 64, 65, 66, 67, 128, 129, 200]) {
      const unique = Uint8Array.from({ length: distance }, (_, at) => (at * 7 + (at >> 8) * 13) & 0xff);
      const bytes = new Uint8Array([...unique, ...unique.subarray(0, length), 1]);
      expect(unpack(pack(bytes))).toEqual(bytes);
    }
  }
  expect(pack(new Uint8Array(0))).toEqual(new Uint8Array(0));
  expect(pack(new Uint8Array(60_000)).length).toBeLessThan(2000);
});
