// Stands in the bundle for what our packages ask for and we never use: pino's transports and @opentelemetry/api (prom-client's
// exemplars). Each would load built-in modules at every start.
module.exports = {};
