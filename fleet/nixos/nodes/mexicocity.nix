# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "mexicocity";
    pushTokenFile = "/etc/clavitor/environment";
    region = "mx-central-1";
    subdomain = "mexicocity";
    tunnelAddress = "10.84.0.14";
  };
}
