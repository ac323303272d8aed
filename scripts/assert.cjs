// Stands in the bundle for node:assert, of which sonic-boom (pino) wants a single function: it takes longer to load than pino.
module.exports = (value, message) => {
  if (!value) throw new Error(message);
};
