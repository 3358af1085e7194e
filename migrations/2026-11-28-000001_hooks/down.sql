DROP TABLE deliveries, hooks, outbox, sweeper, told;
