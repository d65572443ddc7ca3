# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "telaviv";
    pushTokenFile = "/etc/clavitor/environment";
    region = "il-central-1";
    subdomain = "telaviv";
    tunnelAddress = "10.84.0.22";
  };
}
