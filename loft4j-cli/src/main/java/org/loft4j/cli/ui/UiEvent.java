package org.loft4j.cli.ui;

/**
 * Something that the page is told.
 *
 * @param name {@code hello} (forget everything), {@code run} (what a run is and how it stands), {@code lines} (of one of its
 *     files) or {@code gone} (forget the run)
 * @param data one JSON object on one line
 */
record UiEvent(String name, String data) {}
