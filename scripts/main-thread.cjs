// What pino asks of node:worker_threads, which takes longer to load than pino itself: there are no other threads here.
exports.isMainThread = true;
