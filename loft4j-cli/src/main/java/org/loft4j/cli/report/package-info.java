/** What a person reads: tables of text, line charts, and HTML pages that need no other file. */
@NullMarked
package org.loft4j.cli.report;

import org.jspecify.annotations.NullMarked;
