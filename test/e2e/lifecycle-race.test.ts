/** Many at once: an id belongs to one. */
import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { HUTCH } from "../support/hutch.ts";
import { freshId } from "./support-inside.ts";
import { asRoot, place, remains, stateOf } from "./support-lifecycle.ts";

const TRIES = 20;

asRoot(
  "of twenty creations of one id at once exactly one wins, and the others say that it exists",
  async () => {
    const where = await place("sleep 1000");
    for (let round = 0; round < 3; round += 1) {
      const id = freshId();
      const results = await Promise.all(
        Array.from({ length: TRIES }, () => where.call("create", "--bundle", where.bundle, id)),
      );
      const losers = results.filter(({ code }) => code !== 0);
      expect(losers.map(({ code }) => code)).toEqual(Array.from({ length: TRIES - 1 }, () => 1));
      for (const { stderr } of losers) expect(stderr).toContain(`container ${id}: already exists`);
      expect((await stateOf(where, id)).status).toBe("created");
      await where.ok("start", id);
      expect((await stateOf(where, id)).status).toBe("running");
      await where.ok("delete", "--force", id);
      expect(remains(where, id)).toEqual([]);
    }
  },
  60_000,
);

asRoot(
  "of many starts at once exactly one wins",
  async () => {
    const where = await place("sleep 1000");
    for (let round = 0; round < 10; round += 1) {
      const id = freshId();
      await where.ok("create", "--bundle", where.bundle, id);
      const results = await Promise.all(Array.from({ length: 6 }, () => where.call("start", id)));
      expect(results.filter(({ code }) => code === 0).length).toBe(1);
      expect((await stateOf(where, id)).status).toBe("running");
      await where.ok("delete", "--force", id);
    }
  },
  60_000,
);

asRoot("of many deletions at once none fails, and nothing is left", async () => {
  const where = await place("sleep 1000");
  const id = freshId();
  await where.ok("create", "--bundle", where.bundle, id);
  await where.ok("start", id);
  const results = await Promise.all(Array.from({ length: 10 }, () => where.call("delete", "--force", id)));
  expect(results.filter(({ code }) => code !== 0)).toEqual([]);
  expect(remains(where, id)).toEqual([]);
});

asRoot(
  "forty containers made, started and deleted eight at a time are all there, and all gone",
  async () => {
    const where = await place("sleep 1000");
    const names = Array.from({ length: 40 }, () => freshId());
    const queue = [...names];
    const worker = async (): Promise<void> => {
      for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
        await where.ok("create", "--bundle", where.bundle, id);
        await where.ok("start", id);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    expect((await where.ok("list", "-q")).trim().split("\n").toSorted()).toEqual(names.toSorted());
    const states = await Promise.all(names.map((id) => stateOf(where, id)));
    expect(states.filter(({ status }) => status !== "running")).toEqual([]);
    expect(new Set(states.map(({ pid }) => pid)).size).toBe(names.length);
    await Promise.all(names.map((id) => where.ok("delete", "--force", id)));
    expect(readdirSync(where.root)).toEqual([]);
    expect(names.flatMap((id) => remains(where, id))).toEqual([]);
  },
  60_000,
);

asRoot(
  "a creation that is deleted does not touch the next of its id",
  async () => {
    const where = await place("sleep 1000");
    const id = freshId();
    for (let round = 0; round < 16; round += 1) {
      const slow = Bun.spawn([HUTCH, ...where.create(id)], { stdio: ["ignore", "ignore", "ignore"] });
      await Bun.sleep(round * 4);
      expect((await where.call("delete", "--force", id)).code).toBe(0);
      // The slow one may have taken the id only after the deletion.
      let next = await where.call("create", "--bundle", where.bundle, id);
      if (next.code !== 0) {
        await slow.exited;
        await where.ok("delete", "--force", id);
        next = await where.call("create", "--bundle", where.bundle, id);
      }
      expect({ round, ...next }).toMatchObject({ round, code: 0 });
      const { status, pid } = await stateOf(where, id);
      await slow.exited;
      expect(status).toBe("created");
      expect(await stateOf(where, id)).toEqual({ status, pid });
      await where.ok("start", id);
      expect(await stateOf(where, id)).toEqual({ status: "running", pid });
      await where.ok("delete", "--force", id);
      expect(remains(where, id)).toEqual([]);
    }
  },
  60_000,
);
