import { expect, test } from "bun:test";
import { annotatedProperties } from "../../src/cgroup/systemd-annotation.ts";

const of = (name: string, text: string) => annotatedProperties({ [`org.systemd.property.${name}`]: text });

test("annotations of the prefix are properties, others are not", () => {
  const annotations = {
    "org.systemd.property.CollectMode": "'inactive-or-failed'",
    "io.example": "1",
    "org.systemd.property.Before": "['a.service']",
  };
  expect(annotatedProperties(annotations)).toEqual([
    ["CollectMode", { signature: "s", value: "inactive-or-failed" }],
    ["Before", { signature: "as", value: ["a.service"] }],
  ]);
  expect(annotatedProperties(undefined)).toEqual([]);
});

test("seconds become microseconds, as which D-Bus has them", () => {
  expect(of("TimeoutStopSec", "90")).toEqual([["TimeoutStopUSec", { signature: "t", value: "90000000" }]]);
  expect(of("TimeoutStopSec", "uint64 1")).toEqual([
    ["TimeoutStopUSec", { signature: "t", value: "1000000" }],
  ]);
  expect(of("RuntimeMaxSec", "0.5")).toEqual([["RuntimeMaxUSec", { signature: "t", value: "500000" }]]);
  expect(of("TimeoutStopUSec", "uint64 5")).toEqual([["TimeoutStopUSec", { signature: "t", value: "5" }]]);
});

test("what cannot be a property is refused with its annotation", () => {
  expect(() => of("A1b", "1")).toThrow(
    "annotations: org.systemd.property.A1b=1: expected a name of at least",
  );
  expect(() => of("AB", "1")).toThrow("expected a name of at least three letters");
  expect(() => of("TimeoutStopSec", "'1s'")).toThrow("expected a number of seconds");
  expect(() => of("TimeoutStopSec", "-1")).toThrow("expected a number of seconds");
  expect(() => of("Collect", "x y")).toThrow(
    'annotations: org.systemd.property.Collect=x y: "x" is no value; hint:',
  );
});
