//! The service as its entrances see it: keys, meters, suspense, readings, crashes, deadlines, and
//! random histories. One binary, so that it is linked once.

mod crash;
mod deadlines;
mod histories;
mod keys;
mod meters;
mod readings;
mod suspense;
mod world;
