/** {@code loft demo}: fetches a real encoder and a real task, trains on it, and shows what came out. */
@NullMarked
package org.loft4j.cli.demo;

import org.jspecify.annotations.NullMarked;
