import { expect, test } from "bun:test";
import { crc32c } from "../../src/image/crc32c.ts";

test("the checksum of the digits is that of RFC 3720, without the last inversion", () => {
  const digits = new TextEncoder().encode("123456789");
  expect(~crc32c(0xffffffff, digits) >>> 0).toBe(0xe3069283);
  expect(crc32c(0xffffffff, new Uint8Array(0))).toBe(0xffffffff);
});
