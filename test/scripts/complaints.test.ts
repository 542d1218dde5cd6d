import { expect, test } from "bun:test";
import { complaintsIn } from "../../scripts/complaints.ts";

const LOG = `bun test v1.4.5

test/a.test.ts:
(pass) first [1.00ms]
a line of the test's own
error: expect(received).toBe(expected)

      at <anonymous> (test/a.test.ts:5:3)
(fail) group > second [2.00ms]
(skip) third

test/b.test.ts:
error: another
(fail) fourth [3.00ms]

 1 pass
`;

test("a failure is told with all that was printed since the test before it", () => {
  expect(complaintsIn(LOG)).toEqual([
    {
      title: "(fail) group > second [2.00ms]",
      text: [
        "a line of the test's own",
        "error: expect(received).toBe(expected)",
        "",
        "      at <anonymous> (test/a.test.ts:5:3)",
        "(fail) group > second [2.00ms]",
      ].join("\n"),
    },
    { title: "(fail) fourth [3.00ms]", text: "error: another\n(fail) fourth [3.00ms]" },
  ]);
});

test("a log of passes has no failure", () => {
  expect(complaintsIn("test/a.test.ts:\n(pass) first\n 1 pass\n")).toEqual([]);
});
