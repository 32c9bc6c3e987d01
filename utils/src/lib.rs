//! What a learner need not read: plots, GIFs, notebook display, progress, atomic files.
