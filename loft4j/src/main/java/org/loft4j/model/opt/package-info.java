/** OPT, which Galactica is too: decoders with learned positions, the norms of one before its parts, of another behind them. */
@NullMarked
package org.loft4j.model.opt;

import org.jspecify.annotations.NullMarked;
