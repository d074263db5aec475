/** Models and adapters in the formats of other programs, and what those programs accept. */
@NullMarked
package org.loft4j.export;

import org.jspecify.annotations.NullMarked;
