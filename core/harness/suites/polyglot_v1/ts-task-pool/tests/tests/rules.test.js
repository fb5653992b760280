import assert from "node:assert/strict";
import test from "node:test";

import { pooled } from "../dist/pool.js";

/** Tasks that end when they are told to. */
function held(count) {
  const open = [];
  const started = [];
  const tasks = Array.from({ length: count }, (_, index) => () => {
    started.push(index);
    return new Promise((resolve) => (open[index] = () => resolve(index)));
  });
  return { tasks, started, end: async (index) => { open[index](); await new Promise(setImmediate); } };
}

test("the order is that of the tasks", async () => {
  const { tasks, end } = held(3);
  const all = pooled(tasks, 3);
  for (const index of [2, 0, 1]) await end(index);
  assert.deepEqual(await all, [0, 1, 2]);
});

test("no more than the limit at once, and the next as soon as one ends", async () => {
  const { tasks, started, end } = held(4);
  const all = pooled(tasks, 2);
  assert.deepEqual(started, [0, 1]);
  await end(1);
  assert.deepEqual(started, [0, 1, 2]);
  await end(2);
  assert.deepEqual(started, [0, 1, 2, 3]);
  await end(0);
  await end(3);
  assert.deepEqual(await all, [0, 1, 2, 3]);
});

test("a failure fails the whole, and nothing is nothing", async () => {
  await assert.rejects(pooled([async () => { throw new Error("no"); }], 1), /no/);
  assert.deepEqual(await pooled([], 0), []);
});
