/** How a program uses the library: what docs/library.md shows, compiled and run by {@code ExamplesTest}. */
package org.loft4j.examples;
