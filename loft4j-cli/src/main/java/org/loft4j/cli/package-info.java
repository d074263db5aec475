/** {@code loft}: one class a verb. The only place of the project that prints. */
@NullMarked
package org.loft4j.cli;

import org.jspecify.annotations.NullMarked;
