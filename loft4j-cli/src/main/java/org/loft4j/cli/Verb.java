package org.loft4j.cli;

/** What a verb does once the command line has been read. */
interface Verb {
    /** Looks for all that is wrong with the settings, before anything is read or written. */
    default void check(Problems problems) {}

    /** Does the work and returns the exit status. */
    int run() throws Exception;
}
