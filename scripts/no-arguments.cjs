// Stands in the bundle for yargs-parser: convict asks it for arguments, and src/config/argv.ts reads them by other rules.
module.exports = () => ({});
