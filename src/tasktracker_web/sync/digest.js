// The digest that verifies that a copy matches the server (docs/sync.md, "The digest").

/** Returns the SHA-256 of a text in hexadecimal. @typedef {(text: string) => Promise<string>} Sha256 */

/** Return the bucket of an id. @param {string} id @param {Sha256} sha256 */
export async function bucketOf(id, sha256) {
  return (await sha256(id)).slice(0, 2);
}

/**
 * Return the hash of each bucket that is not empty.
 * @param {[type: string, id: string, version: number][]} items
 * @param {Sha256} sha256
 * @returns {Promise<Record<string, string>>}
 */
export async function bucketsOf(items, sha256) {
  /** @type {Map<string, string[]>} */
  const lines = new Map();
  const buckets = await Promise.all(items.map(([, id]) => bucketOf(id, sha256)));
  items.forEach(([type, id, version], index) => {
    const bucket = lines.get(buckets[index]) ?? [];
    lines.set(buckets[index], bucket);
    bucket.push(`${type} ${id} ${version}\n`);
  });
  const hashes = [...lines].map(async ([name, each]) => [name, await sha256(each.sort().join(""))]);
  return Object.fromEntries(await Promise.all(hashes));
}
