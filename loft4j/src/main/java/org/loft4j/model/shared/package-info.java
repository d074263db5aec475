/** What several families need to come from files: parameters, and the settings that mean the same in each config.json. */
@NullMarked
package org.loft4j.model.shared;

import org.jspecify.annotations.NullMarked;
