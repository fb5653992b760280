/** Runs tasks, at most `limit` of them at once; the results are in the order of the tasks. */
export async function pooled<T>(tasks: readonly (() => Promise<T>)[], limit: number): Promise<T[]> {
  const results: T[] = new Array(tasks.length);
  let done = 0;
  await Promise.all(tasks.map(async (task) => {
    const result = await task();
    results[done++ % Math.max(limit, tasks.length)] = result;
  }));
  return results;
}
