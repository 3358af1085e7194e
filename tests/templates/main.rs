//! What the provisioning templates render, checked by the tools of their installers and run for real.
