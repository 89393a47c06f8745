//! The binary as its users meet it: started as a process, judged by its output and its exit code.

mod books;
mod household;
mod process;
mod serving;
mod usage;
