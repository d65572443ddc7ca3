# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "uae";
    pushTokenFile = "/etc/clavitor/environment";
    region = "me-central-1";
    subdomain = "uae";
    tunnelAddress = "10.84.0.21";
  };
}
