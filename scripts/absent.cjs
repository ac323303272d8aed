// Stands in the bundle for packages that ours ask for and never use: thread-stream (pino's transports) and
// @opentelemetry/api (prom-client's exemplars). Each would load built-in modules at every start.
module.exports = {};
