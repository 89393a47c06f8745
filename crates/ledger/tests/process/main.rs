//! The binary as its users meet it: started as a process, judged by its output and its exit code.

mod books;
mod household;
mod running;
mod serving;
mod usage;
