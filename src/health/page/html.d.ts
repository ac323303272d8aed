/** A page with everything that it needs inside (scripts/inline-page.mjs), and the hashes of its inline parts (CSP). */
declare module '*.html' {
  export const html: string;
  export const styleHash: string;
  export const scriptHash: string;
}
