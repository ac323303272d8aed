/** For vitest.config.ts, which is TypeScript. */
export const viteInlinePages: {
  readonly name: string;
  readonly enforce: 'pre';
  readonly load: (id: string) => Promise<string> | undefined;
};
