import { expect, test } from "bun:test";
import { pack, unpack } from "../../src/emit/compact-lz.ts";
import { FARTHEST } from "../../src/emit/compact-parse.ts";
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
  for (const distance of [1, 2, 127, 128, 129, 256, 20_000, FARTHEST, FARTHEST + 1]) {
    const random = randomNumbers(distance);
    const unique = Uint8Array.from({ length: distance }, () => random(256));
    const alone = pack(unique).length;
    for (const length of [1, 2, 3, 14, 15, 16, 17, 200, 270, 271, 272]) {
      const bytes = new Uint8Array([...unique, ...unique.subarray(0, length), 1]);
      const packed = pack(bytes);
      expect(Buffer.compare(unpack(packed), bytes)).toBe(0);
      if (length === 200) expect(packed.length - alone < 20).toBe(distance <= FARTHEST);
    }
  }
  expect(unpack(pack(new Uint8Array(0)))).toEqual(new Uint8Array(0));
  expect(pack(new Uint8Array(60_000)).length).toBeLessThan(1000);
});

test("noise, of which nothing is copied, grows by its tokens alone", () => {
  for (const length of [1, 6, 7, 262, 263, 524, 525, 10_000]) {
    const random = randomNumbers(length);
    const noise = Uint8Array.from({ length }, () => random(256));
    const packed = pack(noise);
    expect(packed.length).toBeLessThanOrEqual(length + 4 + Math.ceil(length / 262) * 2);
    expect(unpack(packed)).toEqual(noise);
  }
});
