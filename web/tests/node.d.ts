/** What the tests use of Node, so that the types of all of Node need not be installed. */
declare module "node:test" {
  export function test(name: string, act: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
  const assert: {
    equal(found: unknown, wanted: unknown, why?: string): void;
    deepEqual(found: unknown, wanted: unknown, why?: string): void;
    ok(found: unknown, why?: string): void;
    throws(act: () => unknown, wanted: RegExp): void;
  };
  export default assert;
}
