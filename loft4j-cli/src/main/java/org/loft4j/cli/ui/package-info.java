/** Runs as one sees them in a browser: the live page, and the report that needs no server. */
@NullMarked
package org.loft4j.cli.ui;

import org.jspecify.annotations.NullMarked;
