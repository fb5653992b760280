/** Runs tasks, at most `limit` of them at once; the results are in the order of the tasks. */
export async function pooled<T>(tasks: readonly (() => Promise<T>)[], limit: number): Promise<T[]> {
  const results: T[] = new Array(tasks.length);
  for (let start = 0; start < tasks.length; start += Math.max(1, limit)) {
    const part = await Promise.all(tasks.slice(start, start + Math.max(1, limit)).map((task) => task()));
    part.forEach((each, index) => (results[start + index] = each));
  }
  return results;
}
