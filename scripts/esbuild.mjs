/**
 * esbuild, loaded when it is needed: every script comes here first, and says what is missing in a checkout without node_modules.
 * @throws Error that says what to do
 */
export async function loadEsbuild() {
  try {
    return await import('esbuild');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('the packages that this needs are not installed; run "npm ci" first', { cause: error });
  }
}
